//! The figures that tell whether the house gets smaller: `.ci/count` prints them for a commit, before and after formatting.

use crate::lengths::{FILE_MAX, FUNCTION_MAX, Length, Measured};
use crate::{ARROWS, HERE, LENGTHS, circles, layers};

#[test]
fn table() {
    let lines = |is_counted: fn(&&Measured) -> bool| -> usize {
        LENGTHS.iter().filter(is_counted).map(|one| one.file.lines).sum()
    };
    let functions: Vec<&Length> = LENGTHS.iter().flat_map(|one| &one.functions).collect();
    let files = LENGTHS.iter().filter(|one| !one.is_generated).map(|one| &one.file);
    let mut endpoints: Vec<usize> = LENGTHS.iter().flat_map(|one| one.endpoints.iter().copied()).collect();
    endpoints.sort_unstable();
    let share = |part: f64| endpoints[(endpoints.len() as f64 * part).ceil() as usize - 1];
    let strangers = layers::strangers(HERE.sources().map(|(path, _)| path));

    println!("Rust files outside tests           {}", LENGTHS.len());
    println!("  lines                            {}", lines(|_| true));
    println!("  without generated ones           {}", lines(|one| !one.is_generated));
    println!("files over {FILE_MAX} lines               {}", too_long(files, FILE_MAX));
    println!("functions over {FUNCTION_MAX} lines            {}", too_long(functions.into_iter(), FUNCTION_MAX));
    println!("endpoint functions                 {}", endpoints.len());
    println!("  median lines, 90th percentile    {}, {}", share(0.5), share(0.9));
    println!("circles of files                   {}", circles::circles(&ARROWS).len());
    let beside_parents = circles::beside_parents(&ARROWS);
    println!("  not through a file's own parent  {}", circles::circles(&beside_parents).len());
    println!("uses against the lab's layers      {}", layers::against(&ARROWS).len());
    println!("  folders outside the order        {}", strangers.len());
}

fn too_long<'a>(all: impl Iterator<Item = &'a Length>, max: usize) -> String {
    let long: Vec<_> = all.filter(|one| one.lines > max).collect();
    format!("{}, {} of them without a reason", long.len(), long.iter().filter(|one| !one.has_reason).count())
}
