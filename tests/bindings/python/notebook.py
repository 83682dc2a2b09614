"""Run the code cells of a notebook in order in plain Python, without a window, and look at its file. Argument: the notebook.

A cell that raises fails the test. The pictures that the notebook shows are drawn, and thrown away.
"""
import json
import os
import pathlib
import sys

LARGEST = 400_000  # bytes of pictures in the file


def checked(path):
    """The notebook, of format 4, with the outputs of a run."""
    notebook = json.loads(path.read_text())
    assert notebook["nbformat"] == 4, notebook["nbformat"]
    names = [cell["id"] for cell in notebook["cells"]]
    assert len(set(names)) == len(names), "two cells of one name"
    counts = [cell["execution_count"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1)), f"not run from the beginning: {counts}"
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    assert all(output["output_type"] != "error" for output in outputs)
    size = sum(len(picture) for output in outputs for kind, picture in output.get("data", {}).items() if kind == "image/png")
    assert 0 < size * 3 // 4 < LARGEST, f"{size * 3 // 4} bytes of pictures"
    return notebook


def main():
    path = pathlib.Path(sys.argv[1]).resolve()
    notebook = checked(path)
    try:
        import matplotlib
    except ImportError as error:
        print(f"skipped: {error} (setup.sh --tests installs it)")
        return
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    os.chdir(path.parent)
    names = {"__name__": "__main__"}
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        exec(compile("".join(cell["source"]), f"{path.name}, {cell['id']}", "exec"), names)
        plt.close("all")
    print(f"{sum(cell['cell_type'] == 'code' for cell in notebook['cells'])} cells ran")


main()
