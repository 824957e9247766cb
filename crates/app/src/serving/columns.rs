//! Named tensors, one per column, become the table that preprocessing reads.
//!
//! This is the way in of protocols that speak in tensors; rows of JSON go through [`meuse_prep::rows`].

use meuse_core::bundle::Input;
use meuse_core::schema::ColumnType;
use meuse_core::suggest;
use meuse_core::table::{Column, Pictures, Table, Values};
use meuse_core::tensor::{Tensor, TensorData};
use meuse_core::time::days_since_epoch;

use crate::Error;

const SEE_METADATA: &str = "the model's metadata names its inputs and their datatypes";

/// The table of these tensors: each of shape \[rows\] or \[rows, 1\], one for every input, in any order. Those named in
/// `ignored` change nothing.
///
/// # Errors
/// [`Error::Invalid`] naming the input that is missing, unknown, given twice, of the wrong type, shape or length.
pub(super) fn table(inputs: &[Input], ignored: &[String], tensors: Vec<Tensor>) -> Result<Table, Error> {
    let rows = row_count(&tensors)?;
    let mut columns: Vec<Option<Column>> = inputs.iter().map(|_| None).collect();
    for tensor in tensors {
        check_shape(&tensor, rows)?;
        let place = inputs.iter().position(|input| input.name == tensor.name);
        let Some(place) = place else {
            if ignored.contains(&tensor.name) {
                continue;
            }
            return Err(unknown(inputs, &tensor.name));
        };
        if columns[place].is_some() {
            return Err(Error::invalid(tensor.name, "is given twice", "send each input once"));
        }
        let values = values(&inputs[place], tensor.data)?;
        columns[place] = Some(Column { name: tensor.name, values });
    }
    let found = inputs.iter().zip(columns).map(|(input, column)| column.ok_or_else(|| missing(input)));
    Ok(Table { columns: found.collect::<Result<_, _>>()?, rows })
}

fn row_count(tensors: &[Tensor]) -> Result<usize, Error> {
    let first = tensors.first().ok_or_else(|| Error::invalid("inputs", "there are none", SEE_METADATA))?;
    Ok(first.shape.first().copied().unwrap_or(0))
}

fn check_shape(tensor: &Tensor, rows: usize) -> Result<(), Error> {
    let shape = &tensor.shape;
    let (name, hint) = (&tensor.name, "each input is one column: shape [rows] or [rows, 1], the same rows for all");
    if !matches!(shape.as_slice(), [_] | [_, 1]) {
        return Err(Error::invalid(name, format!("has shape {shape:?}"), hint));
    }
    if shape[0] != rows {
        let reason = format!("has {} rows, and the first input has {rows}", shape[0]);
        return Err(Error::invalid(name, reason, hint));
    }
    if tensor.data.len() != rows {
        let reason = format!("holds {} elements, and its shape {shape:?} says {rows}", tensor.data.len());
        return Err(Error::invalid(name, reason, hint));
    }
    Ok(())
}

fn unknown(inputs: &[Input], name: &str) -> Error {
    let hint = suggest::hint(name, inputs.iter().map(|input| input.name.as_str()));
    Error::invalid(name, "is not an input of this model", hint)
}

fn missing(input: &Input) -> Error {
    Error::invalid(&input.name, "is missing: the model wants this input", SEE_METADATA)
}

fn values(input: &Input, data: TensorData) -> Result<Values, Error> {
    match (input.column_type, data) {
        (ColumnType::Text, TensorData::Text(cells)) => Ok(Values::text(cells.iter().map(Option::as_deref))),
        (ColumnType::Date | ColumnType::Timestamp, TensorData::Text(cells)) => days(input, &cells),
        (ColumnType::Image, TensorData::Text(cells)) => pictures(input, &cells),
        (ColumnType::Boolean, TensorData::Bool(cells)) => {
            Ok(Values::Number(cells.into_iter().map(f64::from).collect()))
        }
        (ColumnType::Integer | ColumnType::Number, data) => numbers(data).map_err(|given| mismatch(input, given)),
        (_, data) => Err(mismatch(input, word(&data))),
    }
}

/// Numbers of any width; what else it is, otherwise.
fn numbers(data: TensorData) -> Result<Values, &'static str> {
    Ok(Values::Number(match data {
        TensorData::F32(cells) => cells.into_iter().map(f64::from).collect(),
        TensorData::F64(cells) => cells,
        TensorData::I64(cells) => cells.into_iter().map(|cell| cell as f64).collect(),
        other => return Err(word(&other)),
    }))
}

fn days(input: &Input, cells: &[Option<String>]) -> Result<Values, Error> {
    let day = |(row, cell): (usize, &Option<String>)| match cell {
        None => Ok(f64::NAN),
        Some(text) => days_since_epoch(text).ok_or_else(|| {
            let field = format!("{}[{row}]", input.name);
            Error::invalid(field, format!("\"{text}\" is not a {}", input.column_type.word()), "write 2026-11-23")
        }),
    };
    Ok(Values::Number(cells.iter().enumerate().map(day).collect::<Result<_, _>>()?))
}

fn pictures(input: &Input, cells: &[Option<String>]) -> Result<Values, Error> {
    let file = |(row, cell): (usize, &Option<String>)| {
        let Some(text) = cell else { return Ok(None) };
        let decoded = meuse_prep::rows::base64_file(text);
        decoded.map(Some).map_err(|(reason, hint)| Error::invalid(format!("{}[{row}]", input.name), reason, hint))
    };
    let files: Vec<Option<Vec<u8>>> = cells.iter().enumerate().map(file).collect::<Result<_, _>>()?;
    Ok(Values::Pictures(Pictures::in_memory(files)))
}

fn mismatch(input: &Input, given: &str) -> Error {
    let wanted = match input.column_type {
        ColumnType::Integer | ColumnType::Number => "numbers",
        ColumnType::Boolean => "booleans",
        ColumnType::Text => "text",
        ColumnType::Image => "pictures as text in base64",
        ColumnType::Boxes => "nothing here",
        ColumnType::Date => "dates as text, such as 2026-11-23",
        ColumnType::Timestamp => "instants as text, such as 2026-11-23T10:14:00Z",
    };
    Error::invalid(&input.name, format!("holds {given}, and the model wants {wanted}"), SEE_METADATA)
}

fn word(data: &TensorData) -> &'static str {
    match data {
        TensorData::F32(_) | TensorData::F64(_) | TensorData::I64(_) => "numbers",
        TensorData::Bool(_) => "booleans",
        TensorData::Text(_) => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs() -> Vec<Input> {
        let input = |name: &str, column_type| Input {
            name: name.into(),
            column_type,
            allowed: None,
            missing: String::new(),
            required: false,
            unknown: String::new(),
            example: serde_json::Value::Null,
        };
        vec![
            input("age", ColumnType::Integer),
            input("housing", ColumnType::Text),
            input("opened", ColumnType::Date),
            input("foreign", ColumnType::Boolean),
        ]
    }

    fn tensor(name: &str, shape: &[usize], data: TensorData) -> Tensor {
        Tensor { name: name.into(), shape: shape.to_vec(), data }
    }

    fn texts(cells: &[&str]) -> TensorData {
        TensorData::Text(cells.iter().map(|cell| Some((*cell).to_owned())).collect())
    }

    fn good() -> Vec<Tensor> {
        vec![
            tensor("housing", &[2], TensorData::Text(vec![Some("own".into()), None])),
            tensor("age", &[2, 1], TensorData::I64(vec![35, 20])),
            tensor("opened", &[2], texts(&["1970-01-02", "1970-01-11"])),
            tensor("foreign", &[2], TensorData::Bool(vec![true, false])),
        ]
    }

    #[test]
    fn tensors_in_any_order_become_the_columns_of_the_signature() {
        let table = table(&inputs(), &[], good()).expect("all inputs are there");
        assert_eq!(table.rows, 2);
        assert_eq!(table.column("age"), Some(&Values::Number(vec![35.0, 20.0])));
        assert_eq!(table.column("opened"), Some(&Values::Number(vec![1.0, 10.0])));
        assert_eq!(table.column("foreign"), Some(&Values::Number(vec![1.0, 0.0])));
        assert_eq!(table.column("housing"), Some(&Values::text([Some("own"), None])));
    }

    #[test]
    fn a_column_that_the_model_does_not_use_changes_nothing() {
        let mut tensors = good();
        tensors.push(tensor("shoe_size", &[2], TensorData::I64(vec![41, 42])));
        let ignored = ["shoe_size".to_owned()];
        assert_eq!(table(&inputs(), &ignored, tensors.clone()), table(&inputs(), &[], good()));
        assert!(table(&inputs(), &[], tensors).is_err(), "a column that nobody knows is refused");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |place: usize, instead: Tensor| {
            let mut tensors = good();
            tensors[place] = instead;
            tensors
        };
        let cases = [
            (vec![], "inputs: there are none"),
            (good().split_off(1), "housing: is missing"),
            (wrong(1, tensor("agee", &[2], TensorData::I64(vec![1, 2]))), "agee: is not an input of this model"),
            (wrong(0, tensor("age", &[2], TensorData::I64(vec![1, 2]))), "age: is given twice"),
            (wrong(1, tensor("age", &[2], texts(&["a", "b"]))), "age: holds text, and the model wants numbers"),
            (
                wrong(0, tensor("housing", &[2], TensorData::I64(vec![1, 2]))),
                "housing: holds numbers, and the model wants text",
            ),
            (
                wrong(3, tensor("foreign", &[2], TensorData::I64(vec![1, 0]))),
                "foreign: holds numbers, and the model wants booleans",
            ),
            (wrong(1, tensor("age", &[1, 2], TensorData::I64(vec![1, 2]))), "age: has shape [1, 2]"),
            (wrong(1, tensor("age", &[], TensorData::I64(vec![1]))), "age: has shape []"),
            (
                wrong(1, tensor("age", &[3], TensorData::I64(vec![1, 2, 3]))),
                "age: has 3 rows, and the first input has 2",
            ),
            (
                wrong(1, tensor("age", &[2], TensorData::I64(vec![1]))),
                "age: holds 1 elements, and its shape [2] says 2",
            ),
            (wrong(2, tensor("opened", &[2], texts(&["1970-01-02", "soon"]))), "opened[1]: \"soon\" is not a date"),
        ];
        for (tensors, expected) in cases {
            let message = table(&inputs(), &[], tensors).expect_err(expected).to_string();
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
