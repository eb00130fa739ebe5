//! Cells as a table for people.

use super::figures::{Cell, CpuUs, Spread};

/// Cells for people, one line each.
pub fn write(f: &mut std::fmt::Formatter<'_>, cells: &[Cell]) -> std::fmt::Result {
    writeln!(
        f,
        "\n{:<26}{:>6}{:>9}  {:<16}{:<18}{:<18}{:<13}{:>7}{:>8}  µs Postgres/service/driver",
        "", "conns", "req/s", "[interval]", "÷ pgbench", "÷ its best", "÷ keys, best", "p50 ms", "p99 ms"
    )?;
    for cell in cells {
        let per_s = cell.requests_per_second_interval;
        let ratio = |of: Spread| format!("{:.2} [{:.2}, {:.2}]", of.median, of.low, of.high);
        let short = |of: Option<f64>| of.map_or_else(|| "-".to_owned(), |of| format!("{of:.2}"));
        let batched =
            format!("{}, {}", short(cell.ratio_to_pgbench_batched), short(cell.ratio_to_pgbench_batched_best));
        let CpuUs { postgres, service, driver } = cell.cpu_us;
        let mut more = String::new();
        if let Some(first) = cell.ratio_of_first_interval {
            more += &format!("  first ÷ this {}", ratio(first));
        }
        if cell.failed > 0 {
            more += &format!("  {} failed", cell.failed);
        }
        writeln!(
            f,
            "{:<26}{:>6}{:>9.0}  {:<16}{:<18}{:<18}{batched:<13}{:>7.2}{:>8.2}  {postgres:.0}/{service:.0}/{driver:.0}{more}",
            cell.arm,
            cell.connections,
            per_s.median,
            format!("[{:.0}, {:.0}]", per_s.low, per_s.high),
            ratio(cell.ratio_to_pgbench_interval),
            ratio(cell.ratio_to_pgbench_best_interval),
            cell.p50_ms,
            cell.p99_ms
        )?;
    }
    Ok(())
}
