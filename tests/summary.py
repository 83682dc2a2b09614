"""Count the tests of a run: each GoogleTest case, and each ctest entry that is not a GoogleTest executable."""
import json
import pathlib
import sys
import xml.etree.ElementTree as xml


def gtest_cases(path):
    for suite in json.loads(path.read_text())["testsuites"]:
        for case in suite["testsuite"]:
            name = f"{path.stem}: {case['classname']}.{case['name']}"
            if case.get("failures"):
                yield "failed", name, ""
            elif case["result"] == "SKIPPED":
                yield "skipped", name, (case.get("skipped") or [{}])[0].get("message", "").strip().split("\n")[-1]
            elif case["result"] == "COMPLETED":
                yield "passed", name, ""


def ctest_cases(path, covered):
    for case in xml.parse(path).getroot().iter("testcase"):
        state = {"run": "passed", "fail": "failed"}.get(case.get("status"), "skipped")
        name = case.get("name")
        # An executable that wrote its cases is counted by them; one that crashed before is a failure of its own.
        if name in covered and state == "passed":
            continue
        yield state, name, ""


def main():
    folder = pathlib.Path(sys.argv[1])
    reports = sorted(folder.glob("*.json"))
    cases = [case for report in reports for case in gtest_cases(report)]
    failed_suites = {name.split(":")[0] for state, name, _ in cases if state == "failed"}
    covered = {report.stem for report in reports}
    for state, name, reason in ctest_cases(folder / "ctest.xml", covered):
        if name in failed_suites and state == "failed":
            continue  # its failing cases are counted already
        cases.append((state, name, reason))
    for wanted in ("skipped", "failed"):
        for state, name, reason in cases:
            if state == wanted:
                print(f"{state}: {name}" + (f" ({reason})" if reason else ""))
    count = {state: sum(case[0] == state for case in cases) for state in ("passed", "failed", "skipped")}
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] or not count["passed"] else 0


sys.exit(main())
