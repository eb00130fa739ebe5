//! The internal endpoints: for services alone.
