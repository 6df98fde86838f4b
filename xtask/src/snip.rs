//! Empties functions that never run, before the module is cut, so that what only they call goes too. Called by `site`.
//!
//! Leptos keeps two ways to hydrate in each erased view, one of which waits for parts in the middle of it; `app/hydrate` fetches them before and takes the
//! other, but the linker cannot know. Bodies keep their place and length, since the module's relocations count bytes.
//! Invariant: an emptied function traps when it is called: the browser tests would fail.

use std::ops::Range;

use anyhow::{Context, Result};
use wasmparser::{BinaryReader, Name, NameSectionReader, Parser, Payload, RelocSectionReader};

/// What never runs in a browser: hydrating with waits in between, and listing the routes for a server.
///
/// These functions and the bodies of their closures, not everything with such a name in its own: the compiler has folded equal functions into one
/// (dropping the future of one of these may be dropping anything), whereas no other function does what these do.
pub const NEVER: [&str; 2] = ["13hydrate_async", "15generate_routes"];
/// A closure of a function, as mangled names have it after the function's, and what comes before the hash at their end.
const CLOSURE: &str = "28_$u7b$$u7b$closure$u7d$$u7d$";
const HASH: &str = "17h";
const UNREACHABLE: u8 = 0x00;
const NOP: u8 = 0x01;
const END: u8 = 0x0b;

/// The module with those functions empty, and how many bytes of code they had.
pub fn snip(module: &[u8]) -> Result<(Vec<u8>, usize)> {
    let mut imported = 0;
    let (mut bodies, mut never) = (Vec::new(), Vec::new());
    let (mut code, mut relocations) = (0..0, None);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    imported += usize::from(matches!(import?.ty, wasmparser::TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionStart { range, .. } => code = of(&range)?,
            Payload::CodeSectionEntry(body) => bodies.push(of(&body.range())?),
            Payload::CustomSection(section) if section.name() == "name" => {
                for names in NameSectionReader::new(BinaryReader::new(section.data(), 0)) {
                    if let Name::Function(names) = names? {
                        for named in names {
                            let named = named?;
                            if never_runs(named.name) {
                                never.push(named.index as usize);
                            }
                        }
                    }
                }
            }
            Payload::CustomSection(section) if section.name() == "reloc.CODE" => {
                let start = usize::try_from(section.data_offset())?;
                relocations = Some(start..start + section.data().len());
            }
            _ => {}
        }
    }
    let emptied: Vec<Range<usize>> =
        never.iter().filter_map(|index| bodies.get(index.checked_sub(imported)?).cloned()).collect();
    let mut snipped = module.to_vec();
    for body in &emptied {
        empty(snipped.get_mut(body.clone()).context("a body lies outside of its module")?)?;
    }
    let size = emptied.iter().map(ExactSizeIterator::len).sum();
    if let Some(place) = relocations {
        let kept = keep_relocations(module.get(place.clone()).unwrap_or_default(), code.start, &emptied)?;
        replace_custom_section(&mut snipped, &place, "reloc.CODE", &kept)?;
    }
    Ok((snipped, size))
}

fn never_runs(name: &str) -> bool {
    let Some(path) = name.rfind(HASH).and_then(|end| name.get(..end)) else { return false };
    let path = path.strip_suffix(CLOSURE).unwrap_or(path);
    NEVER.iter().any(|never| path.ends_with(never))
}

fn of(range: &Range<u64>) -> Result<Range<usize>> {
    Ok(usize::try_from(range.start)?..usize::try_from(range.end)?)
}

/// No locals, a trap, and as much of nothing as there was code.
fn empty(body: &mut [u8]) -> Result<()> {
    let [locals, trap, rest @ .., end] = body else { anyhow::bail!("a body of less than three bytes") };
    (*locals, *trap, *end) = (0, UNREACHABLE, END);
    rest.fill(NOP);
    Ok(())
}

/// The section's content without the entries that lie in an emptied body.
fn keep_relocations(content: &[u8], code: usize, emptied: &[Range<usize>]) -> Result<Vec<u8>> {
    let reader = RelocSectionReader::new(BinaryReader::new(content, 0))?;
    let mut entries: Vec<(usize, bool)> = Vec::new();
    for entry in reader.entries().into_iter_with_offsets() {
        let (offset, entry) = entry?;
        let at = code + entry.offset as usize;
        entries.push((usize::try_from(offset)?, !emptied.iter().any(|body| body.contains(&at))));
    }
    let ends = entries.iter().skip(1).map(|(offset, _)| *offset).chain([content.len()]);
    let mut bytes = Vec::new();
    for ((start, keep), end) in entries.iter().zip(ends) {
        if *keep {
            bytes.extend_from_slice(content.get(*start..end).context("an entry lies outside of its section")?);
        }
    }
    let mut kept = leb(reader.section_index());
    kept.extend(leb(u32::try_from(entries.iter().filter(|(_, keep)| *keep).count())?));
    kept.extend(bytes);
    Ok(kept)
}

/// Puts `content` in the place of the custom section whose content lies at `place`. Its head ends there: an id, a size, and its name.
fn replace_custom_section(module: &mut Vec<u8>, place: &Range<usize>, name: &str, content: &[u8]) -> Result<()> {
    let mut named = leb(u32::try_from(name.len())?);
    named.extend_from_slice(name.as_bytes());
    let before = module.get(..place.start).context("a section lies outside of its module")?;
    anyhow::ensure!(before.ends_with(&named), "{name} has another head than expected");
    // The size takes as many bytes as the linker gave it, five or fewer: walk back to the id, which is zero.
    let size_end = place.start - named.len();
    let whole = u32::try_from(named.len() + place.len())?;
    let id = (1..=5)
        .map(|length| size_end - length)
        .find(|start| read_leb(module.get(*start..size_end).unwrap_or_default()) == Some(whole))
        .and_then(|start| start.checked_sub(1))
        .filter(|id| module.get(*id) == Some(&0))
        .with_context(|| format!("{name} has another head than expected"))?;
    let mut section = vec![0];
    section.extend(leb(u32::try_from(named.len() + content.len())?));
    section.extend(named);
    section.extend_from_slice(content);
    module.splice(id..place.end, section);
    Ok(())
}

/// LEB128, as WebAssembly writes its numbers.
fn leb(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        bytes.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return bytes;
        }
    }
}

fn read_leb(bytes: &[u8]) -> Option<u32> {
    let mut reader = BinaryReader::new(bytes, 0);
    let number = reader.read_var_u32().ok()?;
    reader.eof().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Functions `never` (calls the second, has a relocation) and `stays`, with the sections that a linker writes.
    fn module() -> Vec<u8> {
        let section = |id: u8, content: &[u8]| [&[id][..], &leb(content.len() as u32), content].concat();
        let custom =
            |name: &str, content: &[u8]| section(0, &[&leb(name.len() as u32)[..], name.as_bytes(), content].concat());
        let names = {
            let named = |index: u8, name: &str| [&[index, name.len() as u8][..], name.as_bytes()].concat();
            let functions = [vec![2], named(0, "x13hydrate_async17h"), named(1, "stays")].concat();
            [&[1, functions.len() as u8][..], &functions].concat()
        };
        let calls = [0u8, 0x10, 0x81, 0x80, 0x80, 0x80, 0x00, END];
        [
            b"\0asm\x01\0\0\0".to_vec(),
            section(1, &[1, 0x60, 0, 0]),
            section(3, &[2, 0, 0]),
            section(10, &[&[2, 8][..], &calls, &[8], &calls].concat()),
            // An entry is a type (a function's index), an offset in the code section, and a symbol.
            custom("reloc.CODE", &[3, 2, 0, 4, 7, 0, 13, 7]),
            custom("name", &names),
        ]
        .concat()
    }

    #[test]
    fn named_function_is_emptied_with_its_relocations_and_the_rest_stays() {
        let before = module();
        let (after, size) = snip(&before).unwrap();
        assert_eq!(size, 8);
        wasmparser::validate(&after).unwrap();
        let mut bodies = Vec::new();
        let mut relocations = Vec::new();
        for payload in Parser::new(0).parse_all(&after) {
            match payload.unwrap() {
                Payload::CodeSectionEntry(body) => bodies.push(after[of(&body.range()).unwrap()].to_vec()),
                Payload::CustomSection(section) if section.name() == "reloc.CODE" => {
                    let reader = RelocSectionReader::new(BinaryReader::new(section.data(), 0)).unwrap();
                    relocations.extend(reader.entries().into_iter().map(|entry| entry.unwrap().offset));
                }
                _ => {}
            }
        }
        assert_eq!(bodies[0], [0, UNREACHABLE, NOP, NOP, NOP, NOP, NOP, END]);
        assert_eq!(bodies[1], [0u8, 0x10, 0x81, 0x80, 0x80, 0x80, 0x00, END]);
        assert_eq!(relocations, [13]);
    }
}
