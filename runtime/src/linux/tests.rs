//! Calls the functions as a program does.
