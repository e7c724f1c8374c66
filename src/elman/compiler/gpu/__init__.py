"""Kernels for CUDA GPUs: equations to Triton to one launch a pass."""
