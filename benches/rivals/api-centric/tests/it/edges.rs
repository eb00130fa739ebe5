//! Each edge with its owner stopped, slow, flapping, and answering rubbish.
