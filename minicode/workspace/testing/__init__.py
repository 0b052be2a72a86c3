"""Running the tests of whatever project this is: one module for each kind of runner, one report for all."""
