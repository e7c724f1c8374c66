"""Kernels for CPUs: equations to LLVM IR to machine code."""
