"""PtychoKit's reconstructors in ptychodus 1.2 and later.

Once, in the Python that has both::

    python -m ptychokit.ptychodus install

After that the list of reconstructors of ptychodus, in its window and in batch mode, has three entries more: PtychoKit/Network (train it, or
open a model), PtychoKit/ePIE and PtychoKit/rPIE. In a script of your own, instead of installing::

    from ptychokit.ptychodus import register
    register()
    with ptychodus.model.ModelCore() as model: ...

README.md beside this file says what each does and which settings there are.
"""
from ._register import register

__all__ = ["register"]
