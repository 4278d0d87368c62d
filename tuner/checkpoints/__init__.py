"""Adapters on disk: PEFT files with a manifest, and their export."""

from tuner.checkpoints.manifest import MANIFEST, Manifest, digest, load_manifest, verify

__all__ = ["MANIFEST", "Manifest", "digest", "load_manifest", "verify"]
