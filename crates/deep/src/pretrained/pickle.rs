//! The part of Python's pickle in which `torch.save` says which tensors a file holds, as data: it calls nothing.
//!
//! A pickle is a program for a machine with a stack. This one knows the opcodes of protocol 2 that PyTorch writes, and
//! seven names; what another name would have called is refused with that name. Every container lies in one list and is
//! named by its number there, so that nothing here is nested, however deep the pickle is; steps, objects and bytes are
//! bounded.

use std::collections::HashMap;

use super::numbers::Kind;

/// The longest program; that of ResNet-50 has 50 kB.
const LONGEST: usize = 4 << 20;
/// The most texts, tuples, tables and tensors.
const MOST_OBJECTS: usize = 200_000;
/// The most parts of a tuple that says what a tensor or a storage is, and the longest name of a storage.
const MOST_PARTS: usize = 16;
const LONGEST_KEY: usize = 256;

/// A value on the stack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    Nothing,
    Yes,
    No,
    Whole(i64),
    Global(Global),
    /// The number of an object.
    Object(usize),
}

/// What a pickle may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Kind),
}

/// What is made of values.
#[derive(Debug, Clone)]
pub(super) enum Object {
    Text(String),
    Tuple(Vec<Value>),
    List(Vec<Value>),
    Table(Vec<(Value, Value)>),
    Storage(Storage),
    Tensor(Tensor),
}

/// A run of numbers outside the pickle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    pub(super) kind: Kind,
    /// The name of its bytes.
    pub(super) key: String,
    /// How many numbers it has.
    pub(super) count: usize,
}

/// A view of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tensor {
    pub(super) storage: Storage,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// What a pickle says.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) root: Value,
    pub(super) objects: Vec<Object>,
    /// The first byte after it.
    pub(super) end: usize,
}

impl Loaded {
    pub(super) fn object(&self, value: Value) -> Option<&Object> {
        let Value::Object(number) = value else { return None };
        self.objects.get(number)
    }

    pub(super) fn text(&self, value: Value) -> Option<&str> {
        let Some(Object::Text(text)) = self.object(value) else { return None };
        Some(text)
    }
}

/// Reads the pickle that begins at `start`.
pub(super) fn load(bytes: &[u8], start: usize) -> Result<Loaded, String> {
    let program = bytes.get(start..).unwrap_or_default();
    let program = &program[..program.len().min(LONGEST)];
    let mut machine = Machine { program, at: 0, ..Machine::default() };
    let root = machine.run()?;
    Ok(Loaded { root, objects: machine.objects, end: start + machine.at })
}

#[derive(Default)]
struct Machine<'a> {
    program: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    objects: Vec<Object>,
}

fn cut_short() -> String {
    "its pickle is cut short".to_owned()
}

fn wrong(what: &str) -> String {
    format!("its pickle is damaged: {what}")
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Value, String> {
        loop {
            let [opcode] = self.take()?;
            match opcode {
                b'.' => return self.pop(),
                0x80 => match self.take()? {
                    [..=4_u8] => {}
                    [version] => return Err(format!("its pickle has protocol {version}, and 2 is read")),
                },
                _ => self.step(opcode)?,
            }
        }
    }

    fn step(&mut self, opcode: u8) -> Result<(), String> {
        match opcode {
            b'N' => self.push(Value::Nothing),
            b'G' => {
                // A loss or a rate beside the tensors, which nobody asks for.
                let _: [u8; 8] = self.take()?;
                self.push(Value::Nothing);
            }
            0x88 => self.push(Value::Yes),
            0x89 => self.push(Value::No),
            b'K' => {
                let [number] = self.take()?;
                self.push(Value::Whole(i64::from(number)));
            }
            b'M' => {
                let number = u16::from_le_bytes(self.take()?);
                self.push(Value::Whole(i64::from(number)));
            }
            b'J' => {
                let number = i32::from_le_bytes(self.take()?);
                self.push(Value::Whole(i64::from(number)));
            }
            0x8a => self.long()?,
            b'X' => self.text()?,
            b'c' => self.global()?,
            b'(' => self.marks.push(self.stack.len()),
            b')' => self.make(Object::Tuple(Vec::new()))?,
            b']' => self.make(Object::List(Vec::new()))?,
            b'}' => self.make(Object::Table(Vec::new()))?,
            0x85..=0x87 => {
                let values = self.top(usize::from(opcode - 0x84))?;
                self.make(Object::Tuple(values))?;
            }
            b't' => {
                let values = self.since_mark()?;
                self.make(Object::Tuple(values))?;
            }
            b'a' => {
                let values = self.top(1)?;
                self.append(&values)?;
            }
            b'e' => {
                let values = self.since_mark()?;
                self.append(&values)?;
            }
            b's' => {
                let values = self.top(2)?;
                self.set(&values)?;
            }
            b'u' => {
                let values = self.since_mark()?;
                self.set(&values)?;
            }
            b'q' => {
                let [number] = self.take()?;
                self.remember(u32::from(number))?;
            }
            b'r' => {
                let number = u32::from_le_bytes(self.take()?);
                self.remember(number)?;
            }
            b'h' => {
                let [number] = self.take()?;
                self.recall(u32::from(number))?;
            }
            b'j' => {
                let number = u32::from_le_bytes(self.take()?);
                self.recall(number)?;
            }
            b'Q' => self.storage()?,
            b'R' => self.call()?,
            b'b' => self.ignore_state()?,
            other => return Err(format!("its pickle has the instruction {other:#04x}, which no tensor needs")),
        }
        Ok(())
    }

    fn bytes(&mut self, count: usize) -> Result<&[u8], String> {
        let end = self.at.checked_add(count).ok_or_else(cut_short)?;
        let bytes = self.program.get(self.at..end).ok_or_else(cut_short)?;
        self.at = end;
        Ok(bytes)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.bytes(N)?.try_into().map_err(|_| cut_short())
    }

    fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    /// What lies above the last mark is within reach, nothing else.
    fn pop(&mut self) -> Result<Value, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(wrong("a value is missing"));
        }
        self.stack.pop().ok_or_else(cut_short)
    }

    fn top(&mut self, count: usize) -> Result<Vec<Value>, String> {
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(self.pop()?);
        }
        values.reverse();
        Ok(values)
    }

    fn since_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().ok_or_else(|| wrong("a mark is missing"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn make(&mut self, object: Object) -> Result<(), String> {
        if self.objects.len() >= MOST_OBJECTS {
            return Err(format!("its pickle makes more than {MOST_OBJECTS} objects"));
        }
        self.objects.push(object);
        self.push(Value::Object(self.objects.len() - 1));
        Ok(())
    }

    fn long(&mut self) -> Result<(), String> {
        let [length] = self.take()?;
        if length > 8 {
            return Err(wrong("a number has more than 64 bits"));
        }
        let bytes = self.bytes(usize::from(length))?;
        let fill = if bytes.last().is_some_and(|last| *last >= 0x80) { 0xff } else { 0 };
        let mut all = [fill; 8];
        all[..bytes.len()].copy_from_slice(bytes);
        self.push(Value::Whole(i64::from_le_bytes(all)));
        Ok(())
    }

    fn text(&mut self) -> Result<(), String> {
        let length = u32::from_le_bytes(self.take()?) as usize;
        let text = std::str::from_utf8(self.bytes(length)?).map_err(|_| wrong("a text is not UTF-8"))?.to_owned();
        self.make(Object::Text(text))
    }

    fn line(&mut self) -> Result<String, String> {
        let rest = self.program.get(self.at..).unwrap_or_default();
        let length = rest.iter().take(200).position(|byte| *byte == b'\n').ok_or_else(cut_short)?;
        let line = self.bytes(length + 1)?;
        Ok(String::from_utf8_lossy(&line[..length]).into_owned())
    }

    fn global(&mut self) -> Result<(), String> {
        let (module, name) = (self.line()?, self.line()?);
        let global = match (module.as_str(), name.as_str()) {
            ("collections", "OrderedDict") => Global::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Global::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Global::RebuildParameter,
            ("torch", name) => storage_kind(name).map(Global::Storage).ok_or_else(|| refused(&module, name))?,
            _ => return Err(refused(&module, &name)),
        };
        self.push(Value::Global(global));
        Ok(())
    }

    fn remember(&mut self, number: u32) -> Result<(), String> {
        let value = *self.stack.last().ok_or_else(|| wrong("a value is missing"))?;
        self.memo.insert(number, value);
        Ok(())
    }

    fn recall(&mut self, number: u32) -> Result<(), String> {
        let value = *self.memo.get(&number).ok_or_else(|| wrong("it names a value that it did not keep"))?;
        self.push(value);
        Ok(())
    }

    /// The object on top of the stack, which stays there.
    fn under(&mut self) -> Option<&mut Object> {
        let Some(Value::Object(number)) = self.stack.last().copied() else { return None };
        self.objects.get_mut(number)
    }

    fn append(&mut self, values: &[Value]) -> Result<(), String> {
        let Some(Object::List(list)) = self.under() else { return Err(wrong("a list is missing")) };
        list.extend_from_slice(values);
        Ok(())
    }

    fn set(&mut self, values: &[Value]) -> Result<(), String> {
        let Some(Object::Table(table)) = self.under() else { return Err(wrong("a table is missing")) };
        let pairs = values.as_chunks::<2>();
        if !pairs.1.is_empty() {
            return Err(wrong("a key has no value"));
        }
        table.extend(pairs.0.iter().map(|[key, value]| (*key, *value)));
        Ok(())
    }

    /// The parts of a tuple that is small enough to be an argument.
    fn parts(&mut self) -> Result<Vec<Value>, String> {
        let value = self.pop()?;
        match self.object(value) {
            Some(Object::Tuple(parts)) if parts.len() <= MOST_PARTS => Ok(parts.clone()),
            _ => Err(wrong("arguments are missing, or too many")),
        }
    }

    /// `('storage', type, key, device, count)`, and before PyTorch 1.6 a view of it, which nobody writes any more.
    fn storage(&mut self) -> Result<(), String> {
        let parts = self.parts()?;
        let [_, Value::Global(Global::Storage(kind)), key, _, Value::Whole(count), view @ ..] = parts.as_slice() else {
            return Err(wrong("a storage is not described as one"));
        };
        if view.iter().any(|view| *view != Value::Nothing) {
            return Err("it has a storage that is a view of another, as only very old versions of PyTorch wrote".into());
        }
        let (key, kind) = match self.object(*key) {
            Some(Object::Text(key)) if key.len() <= LONGEST_KEY => (key.clone(), *kind),
            _ => return Err(wrong("a storage has no name, or one that is too long")),
        };
        let count = usize::try_from(*count).map_err(|_| wrong("a storage has a negative size"))?;
        self.make(Object::Storage(Storage { kind, key, count }))
    }

    fn call(&mut self) -> Result<(), String> {
        let arguments = self.parts()?;
        let Value::Global(global) = self.pop()? else { return Err(wrong("it calls what is no name")) };
        match (global, arguments.as_slice()) {
            (Global::OrderedDict, []) => self.make(Object::Table(Vec::new())),
            (Global::RebuildTensor, [storage, Value::Whole(offset), shape, strides, ..]) => {
                let tensor = self.tensor(*storage, *offset, [*shape, *strides])?;
                self.make(Object::Tensor(tensor))
            }
            (Global::RebuildParameter, [tensor, ..]) => {
                self.push(*tensor);
                Ok(())
            }
            _ => Err(wrong("it calls what it may not, or not so")),
        }
    }

    fn tensor(&self, storage: Value, offset: i64, [shape, strides]: [Value; 2]) -> Result<Tensor, String> {
        let Some(Object::Storage(storage)) = self.object(storage) else { return Err(wrong("a tensor has no storage")) };
        let offset = usize::try_from(offset).map_err(|_| wrong("a tensor has a negative offset"))?;
        let (shape, strides) = (self.sizes(shape)?, self.sizes(strides)?);
        Ok(Tensor { storage: storage.clone(), offset, shape, strides })
    }

    fn object(&self, value: Value) -> Option<&Object> {
        let Value::Object(number) = value else { return None };
        self.objects.get(number)
    }

    fn sizes(&self, value: Value) -> Result<Vec<usize>, String> {
        let values = match self.object(value) {
            Some(Object::Tuple(values)) if values.len() <= MOST_PARTS => values,
            _ => return Err(wrong("a tensor has no shape, or too many sides")),
        };
        let size = |value: &Value| match value {
            Value::Whole(size) => usize::try_from(*size).ok(),
            _ => None,
        };
        let sizes: Option<Vec<usize>> = values.iter().map(size).collect();
        sizes.ok_or_else(|| wrong("a tensor has a shape that is none"))
    }

    /// What Python would set on an object (a state dictionary has its versions there) is nothing to us.
    fn ignore_state(&mut self) -> Result<(), String> {
        self.pop()?;
        match self.under() {
            Some(Object::Table(_)) => Ok(()),
            _ => Err(wrong("it changes what is no table")),
        }
    }
}

fn storage_kind(name: &str) -> Option<Kind> {
    match name {
        "DoubleStorage" => Some(Kind::F64),
        "FloatStorage" => Some(Kind::F32),
        "HalfStorage" => Some(Kind::F16),
        "BFloat16Storage" => Some(Kind::Bf16),
        "LongStorage" => Some(Kind::Whole(8)),
        "IntStorage" => Some(Kind::Whole(4)),
        "ShortStorage" => Some(Kind::Whole(2)),
        "CharStorage" | "ByteStorage" | "BoolStorage" => Some(Kind::Whole(1)),
        _ => None,
    }
}

fn refused(module: &str, name: &str) -> String {
    format!("it would have Python call `{module}.{name}`, which no tensor needs: it is refused, and nothing was called")
}
