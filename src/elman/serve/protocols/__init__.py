"""The protocols that clients speak, a module each with a `router(...)` or routes of its own."""
