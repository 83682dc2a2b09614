"""The worker's function in a child of multiprocessing's spawn; prints what it told."""
import multiprocessing
import tempfile


def work(results, folder):
    from ptychokit.ptychodus import _worker

    task = {"do": "train", "device": "cpu", "options": {}, "data": "missing.npz", "output": folder}
    _worker.perform(task, lambda *message: results.put(message))


def main():
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    with tempfile.TemporaryDirectory() as folder:
        child = context.Process(target=work, args=(results, folder))
        child.start()
        print(results.get(timeout=60))
        child.join()


if __name__ == "__main__":
    main()
