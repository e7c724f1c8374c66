import pytest

from elman.data import read_utterances


def test_librispeechs_layout(tmp_path, write_sound):
    for name in ("19/198/19-198-0000.flac", "19/198/19-198-0001.flac", "26/495/26-495-0000.flac"):
        write_sound(name)
    (tmp_path / "19/198/19-198.trans.txt").write_text("19-198-0000 GO ON\n19-198-0001 STOP\n")
    text = "\ufeff26-495-0000\tNO\xa0ONE\r\n"
    (tmp_path / "26/495/26-495.trans.txt").write_text(text)
    found = read_utterances(tmp_path)
    assert found.texts == ["GO ON", "STOP", "NO ONE"]
    assert [u.speaker for u in found] == ["19", "19", "26"]
    assert found[2].load().seconds == pytest.approx(0.3)


def test_transcripts_without_sound_are_told(tmp_path, write_sound):
    write_sound("a/1-2-0.wav")
    write_sound("a/1-2-9.wav")
    (tmp_path / "a/1-2.trans.txt").write_text("1-2-0 go\n1-2-5 on\n")
    with pytest.warns(UserWarning, match=r"1 transcripts are without their sound.* 1-2-5"):
        found = read_utterances(tmp_path)
    assert [u.text for u in found] == ["go", None]


@pytest.mark.parametrize("gap", ["\t", "  ", " \t", "\u3000"])
def test_kaldis_files_with_any_white_space(tmp_path, write_sound, gap):
    write_sound("my file.wav")
    (tmp_path / "wav.scp").write_bytes(f"\ufeffr1{gap}my file.wav\r\n".encode())
    (tmp_path / "segments").write_text(f"u1{gap}r1{gap}0.1{gap}0.2\n")
    (tmp_path / "text").write_text(f"u1{gap}go{gap}on{gap}\n")
    (tmp_path / "utt2spk").write_text(f"u1{gap}anna\n")
    (utterance,) = read_utterances(tmp_path)
    assert (utterance.text, utterance.speaker) == ("go on", "anna")
    assert utterance.load().seconds == pytest.approx(0.1)
