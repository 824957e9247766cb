//! LightGBM's C library, loaded when it is used: the few functions that Meuse calls, each made safe here.
//!
//! All `unsafe` of the learner is in this file. It rests on these facts of LightGBM 4.7's `c_api.h`:
//!
//! - every call returns 0, or −1 and a text in `LGBM_GetLastError` of the same thread; handles are released once;
//! - a dataset copies (bins) the rows and the fields that it is given, so nothing borrowed outlives a call; a dataset
//!   made with a reference, and a booster, read the other dataset later, so they hold on to it here;
//! - the log callback belongs to a thread, and without one the library prints to standard output;
//! - its number of threads is one for the whole process: see [`super::turn`];
//! - the library is never unloaded: its OpenMP threads outlive every call.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_double, c_int, c_void};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::ptr::null_mut;
use std::sync::Arc;

use meuse_core::native;
use meuse_core::table::Matrix;

use crate::Error;
use crate::cells::Cells;

const FLOAT32: c_int = 0;
const ROW_MAJOR: c_int = 1;
const RAW_SCORE: c_int = 1;
const ALL_ROUNDS: c_int = -1;
const SPLIT_GAINS: c_int = 1;
/// What counts as zero (`kZeroThreshold`), which a sampled column leaves out.
const ZERO: f64 = 1e-35_f32 as f64;

type Handle = *mut c_void;

macro_rules! functions {
    ($($field:ident = $symbol:literal: fn($($argument:ty),*) -> $result:ty;)*) => {
        /// The functions, by what they do.
        struct Functions { $($field: unsafe extern "C" fn($($argument),*) -> $result,)* }

        impl Functions {
            /// The first missing symbol, when one is.
            fn find(library: &libloading::Library) -> Result<Self, &'static str> {
                // SAFETY: these are the signatures of `c_api.h` of LightGBM 4.7.
                Ok(Self { $($field: unsafe { *library.get(concat!($symbol, "\0").as_bytes()).map_err(|_| $symbol)? },)* })
            }
        }
    };
}

functions! {
    last_error = "LGBM_GetLastError": fn() -> *const c_char;
    log_callback = "LGBM_RegisterLogCallback": fn(Option<unsafe extern "C" fn(*const c_char)>) -> c_int;
    sample_count = "LGBM_GetSampleCount": fn(i32, *const c_char, *mut c_int) -> c_int;
    sample_rows = "LGBM_SampleIndices": fn(i32, *const c_char, *mut c_void, *mut i32) -> c_int;
    dataset = "LGBM_DatasetCreateFromSampledColumn":
        fn(*mut *mut c_double, *mut *mut c_int, i32, *const c_int, i32, i32, i64, *const c_char, *mut Handle) -> c_int;
    dataset_like = "LGBM_DatasetCreateByReference": fn(Handle, i64, *mut Handle) -> c_int;
    push = "LGBM_DatasetPushRows": fn(Handle, *const c_void, c_int, i32, i32, i32) -> c_int;
    subset = "LGBM_DatasetGetSubset": fn(Handle, *const i32, i32, *const c_char, *mut Handle) -> c_int;
    set_field = "LGBM_DatasetSetField": fn(Handle, *const c_char, *const c_void, c_int, c_int) -> c_int;
    free_dataset = "LGBM_DatasetFree": fn(Handle) -> c_int;
    booster = "LGBM_BoosterCreate": fn(Handle, *const c_char, *mut Handle) -> c_int;
    add_validation = "LGBM_BoosterAddValidData": fn(Handle, Handle) -> c_int;
    update = "LGBM_BoosterUpdateOneIter": fn(Handle, *mut c_int) -> c_int;
    metric_count = "LGBM_BoosterGetEvalCounts": fn(Handle, *mut c_int) -> c_int;
    metrics = "LGBM_BoosterGetEval": fn(Handle, c_int, *mut c_int, *mut c_double) -> c_int;
    prediction_count = "LGBM_BoosterGetNumPredict": fn(Handle, c_int, *mut i64) -> c_int;
    predictions = "LGBM_BoosterGetPredict": fn(Handle, c_int, *mut i64, *mut c_double) -> c_int;
    save = "LGBM_BoosterSaveModelToString": fn(Handle, c_int, c_int, c_int, i64, *mut i64, *mut c_char) -> c_int;
    load = "LGBM_BoosterLoadModelFromString": fn(*const c_char, *mut c_int, *mut Handle) -> c_int;
    predict = "LGBM_BoosterPredictForMat":
        fn(Handle, *const c_void, c_int, i32, i32, c_int, c_int, c_int, c_int, *const c_char, *mut i64, *mut c_double)
        -> c_int;
    free_booster = "LGBM_BoosterFree": fn(Handle) -> c_int;
    // Not called: version 4.7 is the first to have it, and the library cannot be asked for its version.
    since_4_7 = "LGBM_BoosterPredictForArrowStream": fn() -> c_int;
}

/// The loaded library. A clone is the same library.
#[derive(Clone)]
pub(crate) struct Library(Arc<Loaded>);

struct Loaded {
    functions: Functions,
    /// Never unloaded, see above.
    _library: ManuallyDrop<libloading::Library>,
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Library")
    }
}

/// What the library would print is dropped: errors come back as such, and warnings are turned off (`verbosity`).
unsafe extern "C" fn ignore(_message: *const c_char) {}

impl Library {
    /// Loads `lib_lightgbm.so` from the folder.
    ///
    /// # Errors
    /// One sentence: the file is missing, does not load (as without `libgomp.so.1`), or is an older version.
    pub(crate) fn load(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(native::LIGHTGBM);
        let fail = |what: String| Error::Lightgbm(format!("cannot load {}: {what}", path.display()));
        if !path.is_file() {
            return Err(fail(format!(
                "there is no such file; run `scripts/setup` or set {} to the folder that holds it",
                native::VARIABLE
            )));
        }
        // SAFETY: loading runs the library's initialisers, which construct its own statics and OpenMP's.
        let library = unsafe { libloading::Library::new(&path) }.map_err(|error| {
            let words = words(&error, &path);
            let missing_gomp = words.contains("libgomp");
            let remedy =
                if missing_gomp { "install libgomp1 (`apt-get install libgomp1`)" } else { "run `scripts/setup`" };
            fail(format!("{words}; {remedy}"))
        })?;
        let library = ManuallyDrop::new(library);
        let functions = Functions::find(&library).map_err(|symbol| {
            let needed = native::LIGHTGBM_VERSION;
            fail(format!("it has no `{symbol}`, so it is not LightGBM {needed}, which is needed; run `scripts/setup`"))
        })?;
        // Functions that exist only to be looked for.
        let _ = functions.since_4_7;
        Ok(Self(Arc::new(Loaded { functions, _library: library })))
    }

    fn functions(&self) -> &Functions {
        &self.0.functions
    }

    /// Calls, with this thread's log callback set, and turns −1 into the library's own words.
    fn call(&self, call: impl FnOnce(&Functions) -> c_int) -> Result<(), Error> {
        // SAFETY: the callback is a function of this program and touches nothing.
        unsafe { (self.functions().log_callback)(Some(ignore)) };
        if call(self.functions()) == 0 {
            return Ok(());
        }
        // SAFETY: the text is NUL-terminated and stays until this thread's next call.
        let message = unsafe { CStr::from_ptr((self.functions().last_error)()) };
        Err(Error::Lightgbm(message.to_string_lossy().trim().to_owned()))
    }
}

/// The system's own words, which `libloading` keeps one level down, without the path that our message names.
fn words(error: &libloading::Error, path: &Path) -> String {
    let words = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    words.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&words).to_owned()
}

/// A matrix, binned for training, with its target.
#[derive(Debug, Clone)]
pub(crate) struct Dataset(Arc<OwnedDataset>);

#[derive(Debug)]
struct OwnedDataset {
    library: Library,
    handle: Handle,
    rows: usize,
    /// The dataset whose bins this one shares, alive as long.
    _reference: Option<Dataset>,
}

// SAFETY: a dataset is not bound to the thread that made it.
unsafe impl Send for OwnedDataset {}
// SAFETY: after it was made, and its fields were set, a dataset is only read; both happen before it is shared.
unsafe impl Sync for OwnedDataset {}

impl Drop for OwnedDataset {
    fn drop(&mut self) {
        // SAFETY: made by the library and released once; nothing that reads it is alive.
        let _ = self.library.call(|functions| unsafe { (functions.free_dataset)(self.handle) });
    }
}

impl Dataset {
    /// Bins rows; with a `reference`, into the bins of that dataset. They are those that `LGBM_DatasetCreateFromMat`
    /// makes of a matrix of the same rows: it, too, looks for them in the rows that the library draws.
    pub(crate) fn new(
        library: &Library,
        x: &dyn Cells,
        parameters: &str,
        reference: Option<&Dataset>,
    ) -> Result<Self, Error> {
        let (rows, columns) = dimensions(x.rows(), x.width())?;
        if rows == 0 || columns == 0 {
            return Err(Error::Lightgbm(format!("{rows} rows of {columns} columns are nothing to learn from")));
        }
        let handle = match reference {
            Some(dataset) => {
                let mut handle = null_mut();
                // SAFETY: the other dataset is alive for the call, and held as long as this one.
                library.call(|functions| unsafe {
                    (functions.dataset_like)(dataset.0.handle, i64::from(rows), &raw mut handle)
                })?;
                handle
            }
            None => Self::with_bins(library, x, (rows, columns), &text(parameters)?)?,
        };
        let dataset = Self::own(library, handle, x.rows(), reference);
        let mut start = 0;
        x.for_each(&mut |cells| {
            let count = cells.len() / x.width();
            if start + count > x.rows() {
                return Err(Error::Lightgbm(format!("more than {rows} rows came")));
            }
            // SAFETY: there are count × columns floats, read within the call, and room for the rows (checked above).
            library.call(|functions| unsafe {
                (functions.push)(handle, cells.as_ptr().cast(), FLOAT32, count as i32, columns, start as i32)
            })?;
            start += count;
            Ok(())
        })?;
        if start < x.rows() {
            return Err(Error::Lightgbm(format!("{start} rows came instead of {rows}")));
        }
        Ok(dataset)
    }

    /// A dataset whose bins are found, and whose rows are to come.
    fn with_bins(
        library: &Library,
        x: &dyn Cells,
        (rows, columns): (i32, i32),
        parameters: &CStr,
    ) -> Result<Handle, Error> {
        let mut count = 0;
        // SAFETY: the out-pointer is valid for the call.
        library.call(|functions| unsafe { (functions.sample_count)(rows, parameters.as_ptr(), &raw mut count) })?;
        let mut drawn = vec![0_i32; count.max(0) as usize];
        let mut written = 0;
        // SAFETY: the library writes as many indices as it has just said, and there is room for that many.
        library.call(|functions| unsafe {
            (functions.sample_rows)(rows, parameters.as_ptr(), drawn.as_mut_ptr().cast(), &raw mut written)
        })?;
        drawn.truncate(written.max(0) as usize);
        let drawn: Vec<u32> = drawn.into_iter().map(i32::cast_unsigned).collect();
        // Per column what is not zero, and where.
        let mut values: Vec<Vec<c_double>> = (0..x.width()).map(|_| Vec::with_capacity(drawn.len())).collect();
        let mut places: Vec<Vec<c_int>> = (0..x.width()).map(|_| Vec::with_capacity(drawn.len())).collect();
        let sample = x.take(&drawn)?;
        for (column, (values, places)) in values.iter_mut().zip(&mut places).enumerate() {
            for (place, value) in sample.data.iter().skip(column).step_by(x.width()).enumerate() {
                let value = f64::from(*value);
                if value.abs() > ZERO || value.is_nan() {
                    values.push(value);
                    places.push(place as c_int);
                }
            }
        }
        drop(sample);
        let counts: Vec<c_int> = values.iter().map(|values| values.len() as c_int).collect();
        let mut values: Vec<*mut c_double> = values.iter_mut().map(Vec::as_mut_ptr).collect();
        let mut places: Vec<*mut c_int> = places.iter_mut().map(Vec::as_mut_ptr).collect();
        let mut handle = null_mut();
        // SAFETY: there is a list of values and one of places for each column, as long as is said, alive for the call.
        library.call(|functions| unsafe {
            (functions.dataset)(
                values.as_mut_ptr(),
                places.as_mut_ptr(),
                columns,
                counts.as_ptr(),
                drawn.len() as i32,
                rows,
                i64::from(rows),
                parameters.as_ptr(),
                &raw mut handle,
            )
        })?;
        Ok(handle)
    }

    /// The given rows, ascending, in the bins of the whole, with their targets and weights.
    pub(crate) fn subset(&self, rows: &[i32], parameters: &str) -> Result<Self, Error> {
        if rows.iter().any(|row| usize::try_from(*row).map_or(true, |row| row >= self.0.rows)) {
            return Err(Error::Lightgbm("a subset names a row that is not there".into()));
        }
        let parameters = text(parameters)?;
        let mut handle = null_mut();
        // SAFETY: every row index is within the dataset (checked above); both are alive for the call.
        self.0.library.call(|functions| unsafe {
            (functions.subset)(self.0.handle, rows.as_ptr(), rows.len() as i32, parameters.as_ptr(), &raw mut handle)
        })?;
        Ok(Self::own(&self.0.library, handle, rows.len(), Some(self)))
    }

    fn own(library: &Library, handle: Handle, rows: usize, reference: Option<&Dataset>) -> Self {
        Self(Arc::new(OwnedDataset { library: library.clone(), handle, rows, _reference: reference.cloned() }))
    }

    /// Sets `label` or `weight`, one value per row. Takes the dataset before it is shared.
    pub(crate) fn with_field(self, name: &str, values: &[f32]) -> Result<Self, Error> {
        if values.len() != self.0.rows {
            return Err(Error::Lightgbm(format!("{} values of `{name}` for {} rows", values.len(), self.0.rows)));
        }
        let name = text(name)?;
        // SAFETY: the values are read within the call, and there are as many as are said.
        self.0.library.call(|functions| unsafe {
            let count = values.len() as c_int;
            (functions.set_field)(self.0.handle, name.as_ptr(), values.as_ptr().cast(), count, FLOAT32)
        })?;
        Ok(self)
    }
}

/// A model, being trained or trained.
pub struct Booster {
    library: Library,
    handle: Handle,
    columns: Option<usize>,
    /// What the booster reads while it trains.
    datasets: Vec<Dataset>,
}

// SAFETY: a booster is not bound to the thread that made it; what changes it takes `&mut self`.
unsafe impl Send for Booster {}

impl std::fmt::Debug for Booster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Booster")
    }
}

impl Drop for Booster {
    fn drop(&mut self) {
        // SAFETY: made by the library and released once, before its datasets.
        let _ = self.library.call(|functions| unsafe { (functions.free_booster)(self.handle) });
    }
}

impl Booster {
    /// A model without trees yet.
    pub(crate) fn new(training: &Dataset, parameters: &str) -> Result<Self, Error> {
        let library = training.0.library.clone();
        let parameters = text(parameters)?;
        let mut handle = null_mut();
        // SAFETY: the dataset is alive for the call, and held for as long as the booster is.
        library.call(|functions| unsafe {
            (functions.booster)(training.0.handle, parameters.as_ptr(), &raw mut handle)
        })?;
        Ok(Self { library, handle, columns: None, datasets: vec![training.clone()] })
    }

    /// A model from LightGBM's text, to predict over `columns` features with.
    pub(crate) fn from_text(library: &Library, model: &str, columns: usize) -> Result<Self, Error> {
        let model = text(model)?;
        let (mut rounds, mut handle) = (0, null_mut());
        // SAFETY: the text is NUL-terminated and read within the call.
        library.call(|functions| unsafe { (functions.load)(model.as_ptr(), &raw mut rounds, &raw mut handle) })?;
        Ok(Self { library: library.clone(), handle, columns: Some(columns), datasets: Vec::new() })
    }

    /// Adds rows to measure the loss on.
    pub(crate) fn add_validation(&mut self, validation: &Dataset) -> Result<(), Error> {
        // SAFETY: both are alive, and the dataset is held for as long as the booster is.
        self.library.call(|functions| unsafe { (functions.add_validation)(self.handle, validation.0.handle) })?;
        self.datasets.push(validation.clone());
        Ok(())
    }

    /// One boosting round. Returns whether nothing could be split any more.
    pub(crate) fn update(&mut self) -> Result<bool, Error> {
        let mut finished = 0;
        // SAFETY: the booster was made by `new` and holds its datasets, or the call says that it has none.
        self.library.call(|functions| unsafe { (functions.update)(self.handle, &raw mut finished) })?;
        Ok(finished == 1)
    }

    /// The first metric on the first validation dataset.
    pub(crate) fn validation_loss(&self) -> Result<f64, Error> {
        let mut count = 0;
        // SAFETY: the out-pointer is valid for the call.
        self.library.call(|functions| unsafe { (functions.metric_count)(self.handle, &raw mut count) })?;
        let mut values = vec![f64::NAN; count.max(1) as usize];
        let mut written = 0;
        // SAFETY: the library writes one value per metric, and there is room for that many.
        self.library
            .call(|functions| unsafe { (functions.metrics)(self.handle, 1, &raw mut written, values.as_mut_ptr()) })?;
        Ok(values[0])
    }

    /// What all rounds so far predict of the training rows, which boosting has summed up on its way: probabilities for
    /// a binary task.
    pub(crate) fn of_training_rows(&self) -> Result<Vec<f64>, Error> {
        const TRAINING: c_int = 0;
        let mut count = 0_i64;
        // SAFETY: the out-pointer is valid for the call.
        self.library
            .call(|functions| unsafe { (functions.prediction_count)(self.handle, TRAINING, &raw mut count) })?;
        let mut predictions = vec![f64::NAN; count.max(0) as usize];
        // SAFETY: the library writes as many values as it has just said, and there is room for that many.
        self.library.call(|functions| unsafe {
            (functions.predictions)(self.handle, TRAINING, &raw mut count, predictions.as_mut_ptr())
        })?;
        Ok(predictions)
    }

    /// LightGBM's text of the first rounds of the model; −1 is all.
    pub(crate) fn text_until(&self, rounds: i32) -> Result<String, Error> {
        let mut buffer = Vec::new();
        loop {
            let mut length = 0_i64;
            // SAFETY: the library writes at most as many bytes as the buffer is said to have, and says how many it needs.
            self.library.call(|functions| unsafe {
                let room = buffer.len() as i64;
                (functions.save)(self.handle, 0, rounds, SPLIT_GAINS, room, &raw mut length, buffer.as_mut_ptr())
            })?;
            if length as usize <= buffer.len() {
                // SAFETY: the library has written a NUL-terminated text of `length` bytes.
                let text = unsafe { CStr::from_ptr(buffer.as_ptr()) };
                return Ok(text.to_string_lossy().into_owned());
            }
            buffer = vec![0 as c_char; length as usize];
        }
    }

    /// Raw scores by the whole model.
    pub(crate) fn raw_scores(&self, x: &Matrix) -> Result<Vec<f64>, Error> {
        if x.rows == 0 {
            return Ok(Vec::new());
        }
        if self.columns.is_some_and(|columns| columns != x.width) {
            return Err(Error::Lightgbm(format!("the model takes {:?} features, not {}", self.columns, x.width)));
        }
        assert_eq!(x.data.len(), x.rows * x.width, "a matrix holds rows × width cells");
        let (rows, columns) = dimensions(x.rows, x.width)?;
        let mut scores = vec![0.0; x.rows];
        let mut written = 0_i64;
        // SAFETY: the matrix holds rows × columns floats; a model of one class writes one score per row.
        self.library.call(|functions| unsafe {
            (functions.predict)(
                self.handle,
                x.data.as_ptr().cast(),
                FLOAT32,
                rows,
                columns,
                ROW_MAJOR,
                RAW_SCORE,
                0,
                ALL_ROUNDS,
                c"verbosity=-1".as_ptr(),
                &raw mut written,
                scores.as_mut_ptr(),
            )
        })?;
        Ok(scores)
    }
}

fn text(value: &str) -> Result<CString, Error> {
    CString::new(value).map_err(|_| Error::Lightgbm("a parameter holds a NUL byte".into()))
}

/// A size as LightGBM counts.
fn dimensions(rows: usize, width: usize) -> Result<(i32, i32), Error> {
    let count = |value: usize, what: &str| {
        i32::try_from(value).map_err(|_| Error::Lightgbm(format!("{value} {what} are more than LightGBM can take")))
    };
    Ok((count(rows, "rows")?, count(width, "columns")?))
}
