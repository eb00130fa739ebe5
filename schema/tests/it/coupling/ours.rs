//! `dba coupling` on ours.
