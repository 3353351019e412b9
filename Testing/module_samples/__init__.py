"""What the tests of the Slicer side share: classes, bundles, volumes, and a worker that misbehaves on request."""
