//! One session, many callers: the call into ONNX Runtime that needs no lock.
//!
//! `ort` makes `Session::run` take `&mut self`, because some execution providers keep state of their own. For the CPU
//! provider, the only one that Meuse opens, ONNX Runtime states that any number of threads may call `Run` on one
//! session: its authors in microsoft/onnxruntime#114 ("Is InferenceSession.Run thread-safe?") and #22967 ("Sessions
//! are stateless so you can call Run concurrently"). Each call has an execution frame of its own; session state is
//! written while the session is made, and (with memory patterns, which [`crate::session`] turns off) cached by input
//! shape behind a mutex. What this saves against a lock or a pool is measured in
//! docs/decisions/0002-one-session-many-callers.md, and a test calls one session from many threads.
//!
//! Outputs are written straight into the caller's memory, so a call allocates nothing but what the model needs inside.
#![allow(unsafe_code)] // the C call itself

use std::ffi::{CStr, c_void};
use std::ptr::{null, null_mut};

use ort::AsPointer;
use ort::sys;

use crate::Error;

/// A matrix that the model reads.
pub(crate) struct Input<'a> {
    pub(crate) name: &'a CStr,
    pub(crate) data: Cells<'a>,
    pub(crate) shape: [i64; 2],
}

/// The cells of a matrix, row after row.
#[derive(Clone, Copy)]
pub(crate) enum Cells<'a> {
    F32(&'a [f32]),
    I64(&'a [i64]),
}

impl Cells<'_> {
    fn len(self) -> usize {
        match self {
            Self::F32(cells) => cells.len(),
            Self::I64(cells) => cells.len(),
        }
    }
}

/// A matrix that the model fills, as many values per row as it holds.
pub(crate) struct Output<'a> {
    pub(crate) name: &'a CStr,
    pub(crate) data: &'a mut [f32],
}

/// Memory on the CPU, as ONNX Runtime describes it; made once per session.
pub(crate) struct CpuMemory(*mut sys::OrtMemoryInfo);

// SAFETY: the description is never written after it was made, and reading it is what it is for.
unsafe impl Send for CpuMemory {}
// SAFETY: as above.
unsafe impl Sync for CpuMemory {}

impl CpuMemory {
    /// Needs a loaded library: `ort::api` panics without one, and a session cannot exist without one.
    pub(crate) fn new(_loaded: &ort::session::Session) -> Result<Self, Error> {
        let mut info = null_mut();
        // SAFETY: the out-pointer is valid for the call; on success it owns the description until `drop`.
        check(unsafe {
            (ort::api().CreateCpuMemoryInfo)(
                sys::OrtAllocatorType::OrtDeviceAllocator,
                sys::OrtMemType::OrtMemTypeDefault,
                &raw mut info,
            )
        })?;
        Ok(Self(info))
    }
}

impl Drop for CpuMemory {
    fn drop(&mut self) {
        // SAFETY: made by `CreateCpuMemoryInfo` and released once.
        unsafe { (ort::api().ReleaseMemoryInfo)(self.0) };
    }
}

/// A tensor over borrowed memory: releasing it leaves the memory alone.
struct Borrowed(*mut sys::OrtValue);

impl Borrowed {
    /// # Safety
    /// `data` must be valid for `shape[0]·shape[1]` elements of type `T`, which `element` names, as long as the value
    /// lives, and writable if it is an output.
    unsafe fn new<T>(
        memory: &CpuMemory,
        data: *mut T,
        shape: [i64; 2],
        element: sys::ONNXTensorElementDataType,
    ) -> Result<Self, Error> {
        let bytes = (shape[0] * shape[1]) as usize * size_of::<T>();
        let mut value = null_mut();
        // SAFETY: `memory` is alive, `data` and `bytes` are the caller's promise, the shape is copied by the call.
        check(unsafe {
            (ort::api().CreateTensorWithDataAsOrtValue)(
                memory.0,
                data.cast::<c_void>(),
                bytes,
                shape.as_ptr(),
                shape.len(),
                element,
                &raw mut value,
            )
        })?;
        Ok(Self(value))
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        // SAFETY: made by `CreateTensorWithDataAsOrtValue` and released once.
        unsafe { (ort::api().ReleaseValue)(self.0) };
    }
}

const FLOAT: sys::ONNXTensorElementDataType = sys::ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
const INT64: sys::ONNXTensorElementDataType = sys::ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;

/// Runs the model on one matrix per input, all of the same number of rows, filling the outputs. May be called from many
/// threads at once.
pub(crate) fn run(
    session: &ort::session::Session,
    memory: &CpuMemory,
    inputs: &[Input<'_>],
    outputs: &mut [Output<'_>],
) -> Result<(), Error> {
    let mut given_names = Vec::with_capacity(inputs.len());
    let mut given_values = Vec::with_capacity(inputs.len());
    for input in inputs {
        let [rows, width] = input.shape;
        assert!(rows > 0 && width > 0, "an empty matrix is answered without a call");
        assert_eq!(input.data.len(), (rows * width) as usize, "the matrix has the shape that is claimed for it");
        given_names.push(input.name.as_ptr());
        // SAFETY: the slices live through this function, and ONNX Runtime never writes to an input.
        given_values.push(match input.data {
            Cells::F32(cells) => unsafe { Borrowed::new(memory, cells.as_ptr().cast_mut(), input.shape, FLOAT)? },
            Cells::I64(cells) => unsafe { Borrowed::new(memory, cells.as_ptr().cast_mut(), input.shape, INT64)? },
        });
    }
    let rows = inputs.first().map_or(0, |input| input.shape[0]);
    let mut names = Vec::with_capacity(outputs.len());
    let mut columns = Vec::with_capacity(outputs.len());
    for output in outputs {
        let columns_of_output = output.data.len() / rows as usize;
        assert_eq!(output.data.len(), rows as usize * columns_of_output, "an output has whole rows");
        names.push(output.name.as_ptr());
        let shape = [rows, columns_of_output as i64];
        // SAFETY: the slice is borrowed for writing through this function, and no other value covers it.
        columns.push(unsafe { Borrowed::new(memory, output.data.as_mut_ptr(), shape, FLOAT)? });
    }
    let mut pointers: Vec<*mut sys::OrtValue> = columns.iter().map(|column| column.0).collect();
    let given: Vec<*const sys::OrtValue> = given_values.iter().map(|value| value.0.cast_const()).collect();
    // SAFETY: the session is alive and `Run` may be called concurrently on it (see above); names are NUL-terminated
    // and values alive for the whole call; `pointers` holds as many values as there are names.
    check(unsafe {
        (ort::api().Run)(
            session.ptr().cast_mut(),
            null(),
            given_names.as_ptr(),
            given.as_ptr(),
            given.len(),
            names.as_ptr(),
            names.len(),
            pointers.as_mut_ptr(),
        )
    })
}

fn check(status: sys::OrtStatusPtr) -> Result<(), Error> {
    // SAFETY: the status was just returned by the API and is taken over once.
    unsafe { ort::Error::result_from_status(status) }.map_err(|error| Error::Run(error.to_string()))
}
