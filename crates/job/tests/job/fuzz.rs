//! Files that people upload, damaged, through the real child: it imports them, or it refuses them with a reason. What
//! DuckDB cannot bear costs this one process and leaves a line that says so; it is counted, and never many.

use std::os::unix::process::ExitStatusExt;

use meuse_core::events::EventKind;
use meuse_core::job::{Encoding, FileFormat, ImportOptions, ImportSpec, JobSpec};

use crate::mutate::{Random, cases, damaged, found};
use crate::{FAILED, LIMITS, Work};

/// How a damaged import ended.
#[derive(Debug, Default)]
struct Tally {
    imported: usize,
    refused: usize,
    crashed: Vec<String>,
}

impl Tally {
    fn import(&mut self, source: &[u8], options: ImportOptions) {
        let name = if options.format == Some(FileFormat::Parquet) { "source.parquet" } else { "source.csv" };
        let spec = ImportSpec { source: name.into(), begins_at: 0, options: options.clone(), limits: LIMITS };
        let work = Work::new(&JobSpec::Import(spec));
        std::fs::write(work.path(name), source).expect("the source is written");
        let output = work.run();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let events = work.events();
        match (output.status.code(), events.last()) {
            (Some(0), Some(EventKind::Done)) => self.imported += 1,
            (Some(FAILED), Some(EventKind::Failed(failure))) => {
                assert!(!failure.message.is_empty(), "a refusal says why");
                assert!(!failure.message.contains("/tmp"), "it names a path of ours: {failure}");
                self.refused += 1;
            }
            (code, last) => {
                let signal = output.status.signal();
                let kept = std::env::temp_dir().join(format!("meuse-fuzz-{name}-{}", self.crashed.len()));
                let _ = std::fs::write(&kept, source);
                self.crashed.push(format!("{code:?} {signal:?} {last:?} {options:?} {}: {said}", kept.display()));
            }
        }
    }
}

fn options(random: &mut Random) -> ImportOptions {
    let pick = |random: &mut Random, from: &[char]| from.get(random.below(from.len() * 2)).copied();
    ImportOptions {
        format: [None, None, None, Some(FileFormat::Csv)][random.below(4)],
        encoding: [None, Some(Encoding::Utf8), Some(Encoding::Gb18030)][random.below(3)],
        delimiter: pick(random, &[',', ';', '\t', '|', '"', '\n', '\0', '语', '\'', ' ']),
        missing: (0..random.below(3))
            .map(|_| ["NA", "", "'", "\"", "语", "a'b", "%s"][random.below(7)].into())
            .collect(),
    }
}

#[test]
fn a_missing_text_that_is_no_cell_is_refused_and_not_a_crash() {
    for text in ["\"", "a,b", "x\ny"] {
        let mut tally = Tally::default();
        tally.import(b"a,b\n1,2\n", ImportOptions { missing: vec![text.into()], ..ImportOptions::default() });
        assert_eq!((tally.refused, &tally.crashed), (1, &Vec::new()), "{text:?}");
    }
}

#[test]
fn damaged_csv_files_are_imported_or_refused() {
    let quoted = "id,\"a \"\"name\"\"\",when,ok\n1,\"x, y\",2026-01-01,true\n2,\"two\nlines\",2026-01-02,false\n3,,,\n";
    let chinese =
        b"\xd0\xd5\xc3\xfb;\xb3\xc7\xca\xd0\n\xd5\xc5\xc8\xfd;\xb1\xb1\xbe\xa9\n\xc0\xee\xcb\xc4;\xc9\xcf\xba\xa3\n"
            .to_vec();
    let number = |row: i32| format!("{row}\t{}\t-1e{}\n", f64::from(row) / 7.0, row % 40);
    let numbers: String = (0..300).map(number).collect();
    let good = [
        quoted.as_bytes().to_vec(),
        chinese,
        format!("a\tb\tc\n{numbers}").into_bytes(),
        b"\xef\xbb\xbfa,b\r\n1,2\r\n".to_vec(),
    ];
    let (mut tally, mut random) = (Tally::default(), Random::new("csv"));
    for input in found("csv") {
        tally.import(&input, ImportOptions::default());
    }
    for _ in 0..cases(40) {
        let input = damaged(&good, &mut random);
        let options = options(&mut random);
        tally.import(&input, options);
    }
    eprintln!("csv: {} imported, {} refused", tally.imported, tally.refused);
    assert!(tally.crashed.is_empty(), "{:#?}", tally.crashed);
    assert!(tally.imported > 5 && tally.refused > 5, "{tally:?}");
}

#[test]
fn damaged_parquet_files_are_imported_or_refused() {
    let work = Work::import(b"id,name,when,amount\n1,a,2026-01-01,1.5\n2,b,2026-01-02,\n3,\"c, d\",2026-01-03,-7\n");
    work.run_well();
    let good = [std::fs::read(work.path("out/data.parquet")).expect("the import made one")];
    let parquet = || ImportOptions { format: Some(FileFormat::Parquet), ..ImportOptions::default() };
    let (mut tally, mut random) = (Tally::default(), Random::new("parquet"));
    for input in found("parquet") {
        tally.import(&input, parquet());
    }
    for _ in 0..cases(40) {
        // The end of a Parquet file tells where everything is: half of the cases keep it.
        let mut input = damaged(&good, &mut random);
        if random.below(2) == 0 && input.len() > 12 {
            let end = input.len() - 8;
            input[end..].copy_from_slice(&good[0][good[0].len() - 8..]);
        }
        tally.import(&input, parquet());
    }
    eprintln!("parquet: {} imported, {} refused", tally.imported, tally.refused);
    assert!(tally.crashed.is_empty(), "{:#?}", tally.crashed);
    assert!(tally.refused > 10, "{tally:?}");
}

#[test]
fn a_damaged_job_is_refused_or_done() {
    let spec =
        ImportSpec { source: "source.csv".into(), begins_at: 0, options: ImportOptions::default(), limits: LIMITS };
    let good = [serde_json::to_vec(&JobSpec::Import(spec)).expect("JSON")];
    let mut random = Random::new("job-file");
    for _ in 0..cases(15) {
        let work = Work::import(b"a,b\n1,2\n");
        let input = damaged(&good, &mut random);
        std::fs::write(work.path("job.json"), &input).expect("written");
        let output = work.run();
        let is_plain = matches!(output.status.code(), Some(0 | 1 | 3));
        assert!(is_plain, "{:?} for {}", output.status, String::from_utf8_lossy(&input));
    }
}
