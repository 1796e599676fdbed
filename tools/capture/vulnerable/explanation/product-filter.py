"""Product list of the shop with filters from the address bar."""

from __future__ import annotations

from django.db import models
from django.http import HttpRequest, JsonResponse

PAGE_SIZE = 50


class Product(models.Model):
    """An article that can be bought."""

    name = models.CharField(max_length=200)
    colour = models.CharField(max_length=40)
    cents = models.IntegerField()
    visible = models.BooleanField(default=True)

    class Meta:
        app_label = "shop"


def matching(colour: str, cheapest_first: bool) -> models.QuerySet[Product]:
    """Visible products of a colour, whatever its case; all colours if it is empty."""
    found = Product.objects.filter(visible=True)
    if colour:
        found = found.extra(where=[f"lower(colour) = lower('{colour}')"])
    return found.order_by("cents" if cheapest_first else "name")


def products(request: HttpRequest) -> JsonResponse:
    """GET /products?colour=...&sort=price"""
    found = matching(request.GET.get("colour", ""), request.GET.get("sort") == "price")
    rows = [{"name": product.name, "cents": product.cents} for product in found[:PAGE_SIZE]]
    return JsonResponse({"products": rows})
