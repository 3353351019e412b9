"""Whole experiments on published data sets, for those who hold the data."""
