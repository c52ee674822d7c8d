"""Files of several named arrays: NumPy's, HDF5 and MATLAB's."""
