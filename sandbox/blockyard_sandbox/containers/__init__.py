"""Containers: a Docker engine driven from the platform, every option built from typed fields."""
