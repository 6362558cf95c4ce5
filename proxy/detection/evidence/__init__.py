"""From measurements to a score and a level: likelihood ratios with sources, fusion, standing, brake."""
