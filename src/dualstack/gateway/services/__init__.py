"""Joins the rooms for one service: who is admitted, where to, what is counted; never moves a byte."""
