from keras_simgan import metrics
from keras_simgan.evaluation import Agreement, Transfer, evaluate


def test_table_shows_every_measure_once(folders, extractor):
    found = evaluate(*folders.values(), extractor=extractor)
    gain = metrics.Estimate(1.5, 1.0, 2.0)
    scores = {
        arm: metrics.TransferScore(metrics.Estimate(mean), (mean,), gain, None)
        for arm, mean in (("synthetic", 7.25), ("augmented", 6.25), ("refined", 5.25))
    }
    over = metrics.Estimate(1.25, 1.0, 1.5)
    found.transfer = Transfer(scores, over, "degrees", True, 9.0, 24)
    found.agreement = Agreement(metrics.Estimate(0.99, 0.98, 1.0), "class", 0.95)
    headers, rows = found.table()
    assert all(len(row) == len(headers) for row in rows)
    names = [row[0] for row in rows]
    assert len(names) == len(set(names)) == 5 + 2 + 1 + 4
    assert names[:3] == [
        "kernel distance, tiny KID (lower)",
        "Frechet distance, tiny FID (lower)",
        "domain classifier accuracy (near 0.5)",
    ]
    lines = str(found).splitlines()
    assert len(lines) == 2 + len(rows)
    assert str(found.distances["recall"]["refined"]) in str(found)
    assert rows[-5][1:] == ["", str(found.agreement.mean), ""]
    assert [row[1:] for row in rows[-4:]] == [
        [str(scores["synthetic"].mean), str(scores["refined"].mean), ""],
        [str(scores["augmented"].mean), "", ""],
        ["", str(gain), ""],
        ["", str(over), ""],
    ]
