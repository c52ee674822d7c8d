"""A packed model, read and served by NumPy, onnxruntime, Pillow, Starlette and uvicorn."""
