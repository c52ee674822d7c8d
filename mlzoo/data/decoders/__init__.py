"""Files that other programs write as arrays: HDF5, MATLAB, WAV."""
