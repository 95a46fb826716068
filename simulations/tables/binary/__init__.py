"""Files that are no text: arrays of numpy and MATLAB, tables of Arrow and Parquet."""
