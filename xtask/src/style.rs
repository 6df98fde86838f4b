//! `style/main.css` and what it imports, as one minified sheet. Called by `site`.
//! Targets the evergreen browsers of the last two years, so nesting, `@layer` and `light-dark()` are lowered where one of them needs it.

use std::path::Path;

use anyhow::{Result, anyhow};
use lightningcss::bundler::{Bundler, FileProvider};
use lightningcss::stylesheet::{MinifyOptions, ParserOptions, PrinterOptions};
use lightningcss::targets::{Browsers, Features, Targets};

const fn version(major: u32, minor: u32) -> Option<u32> {
    Some(major << 16 | minor << 8)
}

fn targets() -> Targets {
    Targets {
        browsers: Some(Browsers {
            chrome: version(131, 0),
            edge: version(131, 0),
            android: version(131, 0),
            firefox: version(132, 0),
            safari: version(18, 1),
            ios_saf: version(18, 1),
            opera: version(116, 0),
            samsung: version(27, 0),
            ie: None,
        }),
        include: Features::empty(),
        // The theme switch works by `color-scheme`; the lowering of light-dark() would double every colour.
        exclude: Features::LightDark,
    }
}

/// The bundle.
pub fn bundle(main: &Path) -> Result<String> {
    let files = FileProvider::new();
    let mut bundler = Bundler::new(&files, None, ParserOptions::default());
    let mut sheet = bundler.bundle(main).map_err(|error| anyhow!("{error}"))?;
    sheet
        .minify(MinifyOptions { targets: targets(), ..MinifyOptions::default() })
        .map_err(|error| anyhow!("{error}"))?;
    let printed = sheet.to_css(PrinterOptions { minify: true, targets: targets(), ..PrinterOptions::default() });
    Ok(printed.map_err(|error| anyhow!("{error}"))?.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_layers_and_nesting_end_in_one_sheet() {
        let folder = Project::find().unwrap().cache().join("style-test");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("main.css"), "@layer base, parts;\n@import \"parts.css\" layer(parts);\n").unwrap();
        std::fs::write(folder.join("parts.css"), ".card { color: light-dark(#000, #fff); & .what { margin: 0 } }")
            .unwrap();
        let sheet = bundle(&folder.join("main.css")).unwrap();
        assert!(sheet.contains("@layer base"), "{sheet}");
        assert!(sheet.contains("light-dark("), "{sheet}");
        assert!(!sheet.contains("@import"), "{sheet}");
        assert!(bundle(&folder.join("absent.css")).is_err());
    }

    use crate::project::Project;
}
