//! What holds for every operation of a contract.
