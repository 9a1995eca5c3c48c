import hashlib

from na64ana.provenance import lineage, package_versions, sha256_file, source_digest


def test_lineage_depends_on_content_not_on_order():
    assert lineage({"a": 1, "b": [2, 3]}) == lineage({"b": [2, 3], "a": 1})
    assert lineage({"a": 1}) != lineage({"a": 2})
    assert lineage("a", "b") != lineage("ab")
    # the same in every process, unlike hash()
    assert lineage(1) == hashlib.sha256(b"[1]").hexdigest()


def test_file_and_source_hashes(tmp_path):
    file = tmp_path / "a.py"
    file.write_bytes(b"x = 1\n")
    assert sha256_file(file) == hashlib.sha256(b"x = 1\n").hexdigest()
    before = source_digest([tmp_path])
    assert before == source_digest([file])
    file.write_bytes(b"x = 2\n")
    assert source_digest([tmp_path]) != before


def test_versions_name_what_can_change_a_number():
    versions = package_versions()
    assert {"python", "na64ana", "numpy", "coffea", "pyhf"} <= set(versions)
    assert "not installed" not in versions.values()
