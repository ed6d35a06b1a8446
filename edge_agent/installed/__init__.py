"""The models that are installed on this device: two slots each, their manifests, and the pointer to the slot in use.

The agent writes here, applications read here. Owns the layout of a model's folder::

    models/<model>/current.json    the pointer
    models/<model>/a/  b/          the slots: manifest.json, model.sig and the model file
    models/<model>/download/       partial files (update/download.py)
    models/<model>/state.json      the journal of updates (update/journal.py)

Knows neither the server nor how an update is decided.
"""
