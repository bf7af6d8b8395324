"""The bundled stream of the demo, and how its pictures were painted."""
