//! For tests of services: a service in this process, and tokens.
