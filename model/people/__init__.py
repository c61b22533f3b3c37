"""How people edit: authors who look at a text and say what they do next, for simulated and real clients."""
