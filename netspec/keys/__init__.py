"""Classes of keys: how a layer or a section declares its keys, and how a mapping becomes a value of one."""
