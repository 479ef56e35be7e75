import pytest

from keras_simgan.data.label_images import LabelRule, is_label_folder

LABELS = """
    masks/1.png train/Masks/1.png mask/1.png train_masks/1.png PedMasks/1.png 5_Labels-mask/1.png
    trainannot/1.png valannot/1.png annotations/training/1.png annotations_instance/1.png
    labels/1.png labelsTr/1.png train_labels/1.png labels_png/1.png label_index/train/1.png
    parsed_LABELS/1.png label_maps/1.png ground-truth/1.png ground_truth/a/1.png groundtruth/1.png
    GT/COLOR/1.png GT/LABELS/Stereo_Left/1.png ECSSD_gt/1.png ISIC2018_Training_GroundTruth/1.png
    gtFine/train/aachen/1.png gtFine_trainvaltest/1.png gtCoarse/1.png SemSeg/1.png semseg/1.png
    SegmentationClass/1.png SegmentationClassAug/1.png SegmentationClassPNG/1.png
    SegmentationClassVisualization/1.jpg SegmentationObject/1.png a_seg/1.png bdd/sem_seg/1.png
    instance_maps/1.png instance_0/1.png instances_train/1.png panoptic_train2017/1.png
    depth/1.png Depth/1.png depth_maps/1.png disparity/1.png trimaps/1.png stuffthingmaps/1.png
    a_mask.png a-mask.JPG a.mask.tif case_1_mask_1.png a_mask2.png a_seg.png
    aachen_000000_000019_gtFine_labelIds.png aachen_000000_000019_gtFine_color.png
    aachen_000000_000019_gtFine_instanceIds.png aachen_000000_000019_gtFine_labelTrainIds.png
    ISIC_0000000_segmentation.png ISIC_0000000_superpixels.png ISIC_0000013_attribute_globules.png
    ADE_train_00000001_seg.png ADE_train_00000001_parts_1.png
    0001TP_006690_L.png 0016E5_00390_L.png 0006R0_f00930_L.png Seq05VD_f00000_L.png
    img_1_GT.bmp gt_img_1.png 100_gt.bmp x_json/label.png x_json/label_viz.png
    000000.left.seg.png 000000.left.depth.png 000000.cs.png semantic_segmentation_0001.png
    P0001_instance_color_RGB.png
""".split()
IMAGES = """
    1.png images/1.png rgb/1.png RGB/1.png photos/1.png train/1.png val/1.png JPEGImages/1.jpg
    imagesTr/1.png PNGImages/FudanPed00001.png train_frames/1.jpg trainA/1.jpg color/1.png
    leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png mask.png images/mask_1.png
    ISIC2018_Task1-2_Training_Input/ISIC_0000000.jpg training/images/ADE_train_00000001.jpg
    with_mask/1.jpg without_mask/with_mask_1.jpg no_mask/1.jpg face_mask/1.jpg masked/1.png
    unmasked/1.png GTA5/1.png GTAV/1.png unlabeled/1.png labeled/1.png label_0/1.png label_2/1.png
    normal/1.png NORMAL/normal_1.png weight/1.png night/1.png flowers/1.jpg segway/1.jpg depot/1.jpg
    000001_color.png 000001-color.png 0001_L.png 0001_R.png eye_L/1.png 00012_label_5.png
    coco8-seg/images/1.jpg Kvasir-SEG/images/1.jpg lgg-mri-segmentation/x/1.tif
    CelebAMask-HQ/CelebA-HQ-img/1.jpg cmp_b0001.jpg step0.camera.png legend.png
""".split()


@pytest.mark.parametrize("name", LABELS)
def test_names_of_labels_in_data_sets_of_the_field(name):
    assert LabelRule().is_label(name)


@pytest.mark.parametrize("name", IMAGES)
def test_names_of_images(name):
    assert not LabelRule().is_label(name)


def test_spaces_in_names():
    assert LabelRule().is_label("step0.camera.instance segmentation.png")
    assert LabelRule().is_label("Ground Truth/1.png")
    assert LabelRule().is_label("benign (1)_mask.png")


@pytest.mark.parametrize(
    ("name", "folders", "patterns", "expected"),
    [
        ("train/Zones/a.png", ["zones"], None, True),
        ("train/zones/a.png", ["Zones"], None, True),
        ("masks/a.png", ["zones"], None, False),
        ("masks/a.png", (), None, False),
        ("old_zones/a.png", ["*_zones"], None, True),
        ("zones[1]/a.png", ["zones[1]"], None, True),
        ("zones/a.png", ["zones/"], None, True),
        ("a_mask.png", ["zones"], None, True),
        ("a_mask.png", None, (), False),
        ("masks/a.png", None, (), True),
        ("a_Zone.tif", None, ["*_zone"], True),
        ("x/a_zone.PNG", None, ["*_zone.png"], True),
        ("a_zone.tif", None, ["*_zone.png"], False),
        ("zone_a.png", None, ["zone_*"], True),
        ("a_mask.png", None, ["*_zone"], False),
        ("a_zone/1.png", None, ["*_zone"], False),
        ("masks/a_mask.png", (), (), False),
    ],
)
def test_what_the_user_gives_replaces_what_is_known(name, folders, patterns, expected):
    rule = LabelRule(folders, patterns)
    assert rule.is_label(name) == expected
    assert rule.is_settled


def test_nothing_given_is_not_settled():
    assert not LabelRule().is_settled


def test_folders_alone():
    assert is_label_folder("trainannot") and not is_label_folder("train")
    assert is_label_folder("zones", ["zones"]) and not is_label_folder("masks", ["zones"])


@pytest.mark.parametrize(
    ("folders", "patterns", "message"),
    [
        ("masks", None, r"`label_folders` must be a list of names, such as \['zones'\]"),
        (None, "*_zone", r"`label_patterns` must be a list .*'\*_zone.png'"),
        ([1], None, "`label_folders` must be a list"),
        (["train/zones"], None, "names without folders.* Received: 'train/zones'"),
        (None, ["masks/*.png"], "Received: 'masks/"),
        ([""], None, "Received: ''"),
    ],
)
def test_what_cannot_be_meant_is_refused(folders, patterns, message):
    with pytest.raises(ValueError, match=message):
        LabelRule(folders, patterns)
