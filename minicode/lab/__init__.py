"""The lab: where minicode is put to the test, by a model that plays a script."""
