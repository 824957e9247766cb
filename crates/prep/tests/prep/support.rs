//! Plans and tables, shortly written.

use meuse_core::recipe::{
    NumericEncode, NumericImpute, Plan, PlannedColumn, TextEncode, TextImpute, Treatment, Unknown,
};
use meuse_core::schema::ColumnType;
use meuse_core::table::{Column, Table, Values};
use meuse_prep::{Error, Fitted, fit};

pub(crate) const NAN: f64 = f64::NAN;

pub(crate) fn numbers(name: &str, cells: &[f64]) -> Column {
    Column { name: name.to_owned(), values: Values::Number(cells.to_vec()) }
}

/// An empty text is a missing cell.
pub(crate) fn texts(name: &str, cells: &[&str]) -> Column {
    let cells = cells.iter().map(|cell| Some(*cell).filter(|cell| !cell.is_empty()));
    Column { name: name.to_owned(), values: Values::text(cells) }
}

pub(crate) fn numeric(name: &str, impute: NumericImpute, encode: NumericEncode) -> PlannedColumn {
    let treatment = Treatment::Numeric { impute, fill: 0.0, encode, bins: 4, breaks: None };
    PlannedColumn { name: name.to_owned(), column_type: ColumnType::Number, treatment }
}

pub(crate) fn text(name: &str, impute: TextImpute, encode: TextEncode) -> PlannedColumn {
    let treatment = Treatment::Text {
        impute,
        fill: "none".to_owned(),
        encode,
        unknown: Unknown::Missing,
        bins: 4,
        groups: None,
        order: None,
    };
    PlannedColumn { name: name.to_owned(), column_type: ColumnType::Text, treatment }
}

pub(crate) fn plan(columns: Vec<PlannedColumn>) -> Plan {
    Plan { columns }
}

/// Fits one column on its own.
pub(crate) fn fit_one(planned: PlannedColumn, column: Column, positive: Option<&[bool]>) -> Result<Fitted, Error> {
    fit(&plan(vec![planned]), &Table::new(vec![column]), positive)
}

/// The matrix of one column, row by row.
pub(crate) fn matrix(fitted: &Fitted, column: Column) -> Vec<Vec<f32>> {
    let matrix = fitted.transform(&Table::new(vec![column])).expect("the table fits").matrix;
    (0..matrix.rows).map(|row| matrix.row(row).to_vec()).collect()
}
