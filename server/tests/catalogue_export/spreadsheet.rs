//! Spreadsheet programs: what they make of a file, by a reader that is not ours, or by LibreOffice itself where it is installed.

use calamine::{Data, Reader as _, Xlsx};
use std::{io::Cursor, path::Path, process::Command};

/// The sheets of a workbook as rows of cells.
pub(crate) fn sheets(file: &[u8]) -> Vec<(String, Vec<Vec<Data>>)> {
    let mut book = Xlsx::new(Cursor::new(file.to_vec())).unwrap();
    let names = book.sheet_names().clone();
    let rows = |name: &String| book.worksheet_range(name).unwrap().rows().map(<[Data]>::to_vec).collect();
    names.iter().map(rows).zip(names.clone()).map(|(rows, name)| (name, rows)).collect()
}

/// How many cells are formulas.
pub(crate) fn formulas(file: &[u8]) -> usize {
    let mut book = Xlsx::new(Cursor::new(file.to_vec())).unwrap();
    let names = book.sheet_names().clone();
    names
        .iter()
        .map(|name| book.worksheet_formula(name).unwrap().cells().filter(|(_, _, text)| !text.is_empty()).count())
        .sum()
}

/// A sheet as such programs save it as CSV: a byte order mark, LF, numbers with the fewest digits, lines of a cell ended by LF.
pub(crate) fn saved_as_csv(rows: &[Vec<Data>]) -> Vec<u8> {
    let mut out = csv::WriterBuilder::new().from_writer(b"\xef\xbb\xbf".to_vec());
    for row in rows {
        let cells = row.iter().map(|cell| cell.to_string().replace("\r\n", "\n"));
        out.write_record(cells.collect::<Vec<_>>()).unwrap();
    }
    out.into_inner().unwrap()
}

/// A CSV as such programs save it again: cells that look like numbers or truth values are, and are written their way.
pub(crate) fn opened_and_saved(file: &[u8], edit: impl Fn(&str, &str, String) -> String) -> Vec<u8> {
    let mut csv = csv::ReaderBuilder::new().has_headers(false).from_reader(file);
    let rows: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    let mut out = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
    out.write_record(&rows[0]).unwrap();
    for row in &rows[1..] {
        let cells = rows[0].iter().zip(row).map(|(title, cell)| {
            let cell = match cell {
                "true" | "false" => cell.to_uppercase(),
                // Codes with leading zeros are kept only by who imports the column as text.
                _ if cell.len() > 1 && cell.starts_with('0') && !cell.contains('.') => cell.to_owned(),
                _ => cell.parse::<f64>().map_or_else(|_| cell.replace("\r\n", "\n"), |number| number.to_string()),
            };
            edit(&row[0], title, cell)
        });
        out.write_record(cells.collect::<Vec<_>>()).unwrap();
    }
    out.into_inner().unwrap()
}

/// Lets LibreOffice open a file and save it as CSV; none where it is not installed, which is said.
pub(crate) fn libreoffice(folder: &Path, name: &str, file: &[u8]) -> Option<Vec<u8>> {
    let program =
        ["soffice", "libreoffice"].into_iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    let Some(program) = program else {
        eprintln!("skipped: LibreOffice (soffice) is not installed; what it does to {name} was imitated only");
        return None;
    };
    let out = folder.join("saved");
    std::fs::write(folder.join(name), file).unwrap();
    // Field and text delimiter, UTF-8, from line 1; for reading every column as text would hide what it rewrites.
    let filters = ["--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76,1", "--infilter=CSV:44,34,76,1"];
    let filters = if name.ends_with(".csv") { &filters[..] } else { &filters[..2] };
    let profile = format!("-env:UserInstallation=file://{}", folder.join("profile").display());
    let mut command = Command::new(program);
    command.args(["--headless", &profile]).args(filters).arg("--outdir").arg(&out).arg(folder.join(name));
    let ran = command.output().unwrap();
    let saved = out.join(name).with_extension("csv");
    Some(std::fs::read(saved).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&ran.stderr))))
}
