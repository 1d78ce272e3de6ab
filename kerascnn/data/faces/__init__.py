"""The embedded data set `faces`: rendered portraits with landmarks and identities, without a download."""

from kerascnn.data.faces.anatomy import LANDMARKS, SWAP
from kerascnn.data.faces.builder import CLASSES, FIRST_IDENTITY, Faces, FacesConfig
from kerascnn.data.faces.renderer import render_face

__all__ = ["CLASSES", "FIRST_IDENTITY", "LANDMARKS", "SWAP", "Faces", "FacesConfig", "render_face"]
