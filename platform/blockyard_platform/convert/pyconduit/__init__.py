"""Jobs of pyconduit as our documents."""
