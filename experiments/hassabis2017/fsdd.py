"""The Free Spoken Digit Dataset (github.com/Jakobovski/free-spoken-digit-dataset, folder recordings) as data=speech
reads it, with a list of training and of test recordings for each speaker: the first five of each digit are the test, as
its authors say. All frames of a recording have its digit as their label. Writes train_NAME.txt, test_NAME.txt,
digits.txt (the classes) and labels.txt (recording, first frame, end, digit).

    python fsdd.py recordings
"""
import pathlib
import sys
import wave

WINDOW, STEP = 200, 80  # 25 and 10 ms at 8 kHz, as data.window and data.step

lists, labels = {}, []
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.wav")):
    digit, speaker, index = path.stem.split("_")
    with wave.open(str(path)) as sound:
        frames = (sound.getnframes() - WINDOW) // STEP + 1
    lists.setdefault((("test" if int(index) < 5 else "train"), speaker), []).append(path.stem)
    labels.append(f"{path.stem} 0 {frames} {digit}")

for (part, speaker), names in lists.items():
    pathlib.Path(f"{part}_{speaker}.txt").write_text("\n".join(names) + "\n")
pathlib.Path("labels.txt").write_text("\n".join(labels) + "\n")
pathlib.Path("digits.txt").write_text("".join(f"{digit}\n" for digit in range(10)))
