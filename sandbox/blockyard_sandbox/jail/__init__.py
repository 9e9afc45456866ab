"""The layers of the jail: one module a kernel feature, and the zygote that puts them around each guest."""
