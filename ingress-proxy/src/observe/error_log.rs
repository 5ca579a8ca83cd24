//! error_log
