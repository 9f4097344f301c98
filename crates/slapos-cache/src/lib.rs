//! Sources by hash: a local store and the places that are asked for what it lacks.
