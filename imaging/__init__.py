"""Files and bytes to arrays with geometry, and back."""
