"""The bundled real data and the story that `maintainer demo` tells."""
